/** The completion for fish. */
import { flagsOf, type OptionWords, type VerbWords, type Words } from './grammar.ts';

/** Within single quotes of fish, where a backslash and the quote are all that is special. */
const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

/** The arguments of `complete` for what a word may be; without any of them a value is what somebody types. */
function offers({ literal, live, path }: Words): string {
  const words = [
    ...literal,
    ...(live === null ? [] : [`(__bgjob_words ${live})`]),
    ...(path === 'directory' ? ['(__fish_complete_directories (commandline -ct))'] : []),
  ];
  const list = words.length === 0 ? '' : ` -a ${quote(words.join(' '))}`;
  return path === 'file' ? ` -F${list}` : ` -f${list}`;
}

function optionLine(verb: string, { long, short, text, value, isOptional }: OptionWords): string {
  const flags = `${short === null ? '' : ` -s ${short}`} -l ${long}`;
  const argument = value === null ? '' : `${isOptional ? '' : ' -r'}${offers(value.words)}`;
  return `complete -c bgjob -n '__bgjob_at ${verb}'${flags}${argument} -d ${quote(text)}`;
}

function verbLines({ name, options, runsCommand, actions, operands }: VerbWords): string[] {
  const has = (words: Words) => offers(words) !== ' -f';
  return [
    ...options.map((option) => optionLine(name, option)),
    ...(runsCommand ? [`complete -c bgjob -n '__bgjob_at ${name}' -a '(__fish_complete_command)'`] : []),
    ...(has(operands) ? [`complete -c bgjob -n '__bgjob_at ${name}' -k${offers(operands)}`] : []),
    ...(actions.length > 0
      ? [`complete -c bgjob -n '__bgjob_at ${name} ""' -f -a '${actions.map((one) => one.name).join(' ')}'`]
      : []),
    ...actions
      .filter(({ words }) => has(words))
      .map(
        ({ name: action, words }) => `complete -c bgjob -n '__bgjob_at ${name} ${action}' -k${offers(words)}`,
      ),
  ];
}

/** The script. */
export function fishScript(verbs: VerbWords[], version: string): string {
  const valued = verbs.flatMap(({ name, options }) => {
    const flags = options.filter(({ value, isOptional }) => value && !isOptional).flatMap(flagsOf);
    return flags.length === 0 ? [] : [`        case ${name}\n            echo ${flags.join(' ')}`];
  });
  return `# fish completion for bgjob ${version}, made by: bgjob completion fish

# the options of a verb whose value is the next word
function __bgjob_valued
    switch $argv[1]
${valued.join('\n')}
    end
end

# where the cursor is: the verb and its first other word; or "command", and how many words stand before that
function __bgjob_place
    set -l words (commandline -opc)
    set -l verb
    set -l action
    set -l valued
    set -l skip 0
    for at in (seq 2 (count $words))
        set -l word $words[$at]
        if test $skip = 1
            set skip 0
        else if test -z "$verb"
            set verb $word
            set valued (string split ' ' -- (__bgjob_valued $verb))
        else if test "$word" = --
            echo command
            echo $at
            return
        else if string match -qr -- '^-.' $word
            if contains -- $word $valued
                set skip 1
            end
        else if contains -- $verb ${verbs
          .filter(({ runsCommand }) => runsCommand)
          .map(({ name }) => name)
          .join(' ')}
            echo command
            echo (math $at - 1)
            return
        else if test -z "$action"
            set action $word
        end
    end
    echo "$verb"
    echo "$action"
end

# VERB [ACTION]
function __bgjob_at
    set -l place (__bgjob_place)
    test "$place[1]" = "$argv[1]"; or return 1
    test (count $argv) = 1; or test "$place[2]" = "$argv[2]"
end

# the command of a job, as if it stood alone
function __bgjob_command
    set -l place (__bgjob_place)
    set -l words (commandline -opc)
    set -e words[1..$place[2]]
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

function __bgjob_words
    set -l words (commandline -opc)
    command $words[1] completion words $argv[1] 2>/dev/null </dev/null
end

complete -c bgjob -f
${verbs.map(({ name, summary }) => `complete -c bgjob -n '__bgjob_at ""' -a ${name} -d ${quote(summary)}`).join('\n')}
complete -c bgjob -n '__bgjob_at command' -a '(__bgjob_command)'
${verbs.flatMap(verbLines).join('\n')}`;
}
