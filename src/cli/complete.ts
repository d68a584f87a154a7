/** The program with all verbs: dist/cli.js. It answers all calls that a program of few verbs does not know. */
import { answerGeneral } from './general.ts';
import { main } from './main.ts';
import { VERBS } from './verbs.ts';

export const verbs = main(VERBS, answerGeneral);
