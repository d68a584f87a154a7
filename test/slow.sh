# npm test beside three loops that only compute; package.json binds all of it to one core.
# Each loop ends with this script, even if the script is killed.
for _ in 1 2 3; do
  while kill -0 $$ 2>/dev/null; do :; done &
done
npm test
