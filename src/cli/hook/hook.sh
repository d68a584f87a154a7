#!/bin/sh
# The hook in the host of an agent, $1 the event and $2 the host: see hooks-json.ts. Its lines are joined by blanks.
hook_input=$(head -c 9999999 2>/dev/null);
home=${BGJOB_HOME:-$HOME/.bgjob}; id=; news=;
case $hook_input in \{\"session_id\":\"*) id=${hook_input#*:\"}; id=${id%%\"*};; esac;
own=$home/sessions/s.$id;
case $1 in
SessionStart) news=1;;
Stop) [ ! -d "$home/live" ] || [ "$own/stop" -nt "$home/live" ] || news=1;;
*) [ ! -d "$home/ended" ] || [ "$own/stamp" -nt "$home/ended" ] || news=1;;
esac;
case $1 in UserPromptSubmit)
for file in "$home"/live/* "$own"/[1-9]* "$own/later"; do [ ! -e "$file" ] || news=1; done;;
esac;
[ -z "$news" ] || printf %s "$hook_input" | bgjob hook "$1" --host "$2" 2>/dev/null;
exit 0
