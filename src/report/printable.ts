/**
 * Text of strangers (names of processes and files) made safe for a terminal: control characters
 * come out as `\x1b`, so that a name cannot move the cursor or forge a line.
 */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
