/** A word quoted for sh. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
