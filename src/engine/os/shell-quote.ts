/** A word as sh takes it. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
