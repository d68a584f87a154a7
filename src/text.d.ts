/** A text that is bundled into the program. */
declare module '*.md' {
  const text: string;
  export default text;
}
