/** Texts that are bundled into the program: the page for coding agents, and the shell texts of the shim. */
declare module '*.md' {
  const text: string;
  export default text;
}
declare module '*.sh' {
  const text: string;
  export default text;
}
