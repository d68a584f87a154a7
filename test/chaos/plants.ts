/** Unexpected errors, planted into the supervisor. A job runs into the error that its command names. */
import type { Change } from './mutants.ts';

/** Which plant a job meets stands in its command. */
const planted = (name: string, act = "throw new TypeError('planted')") =>
  `if (supervision.spec.words.join(' ').includes('plant-${name}')) { ${act}; }`;
export const PLANTS: Change[] = [
  {
    file: 'supervisor/start.ts',
    from: '  try {\n    const environment = readEnvironment(supervision);',
    to: `  ${planted('death', "process.kill(process.pid, 'SIGKILL'); for (;;);")}
  try {
    ${planted('start')}
    const environment = readEnvironment(supervision);`,
  },
  {
    file: 'supervisor/start.ts',
    from: '  // a `kill` before this publication found',
    to: `  ${planted('timer', "setTimeout(() => { throw new TypeError('planted'); })")}
  // a \`kill\` before this publication found`,
  },
  {
    file: 'supervisor/adopt.ts',
    from: '  supervision.mayStartNext = false;',
    to: `  supervision.mayStartNext = false;\n  ${planted('adopt')}`,
  },
  {
    file: 'supervisor/after-end.ts',
    from: '  // a job that was put back moves the queue on',
    to: `  ${planted('leave')}\n  // a job that was put back moves the queue on`,
  },
];
