/** A program for `node -e` that computes until it has used 0.7 s of CPU, however long that takes. */
export const BURN = 'for (let sum; (sum = process.cpuUsage()).user + sum.system < 7e5; );';
/** The same for sh. */
export const SH_BURN =
  'until read -r a b c d e f g h i j k l m user system rest </proc/self/stat; [ $((user + system)) -ge 70 ]; do :; done';
/** Each clock tick is 10 ms, and user and system time are counted in whole ones. */
export const BURNT_MS = 680;
