import { ImageError } from '../errors.js';

/** Which round of which directory is broken. */
export interface RoundPlace {
  directory: string;
  number: number;
}

/**
 * An ImageError about one round. `what` names file and offset; the rounds before
 * are taken to be whole.
 */
export function roundError(
  code: string,
  { directory, number }: RoundPlace,
  what: string,
  cause?: unknown,
): ImageError {
  const advice =
    number === 0
      ? 'no round is whole: take new images'
      : `the last whole round is ${number - 1}: squash the images up to it, or take new ones`;
  return new ImageError(code, `${directory}: round ${number}, ${what}; ${advice}`, {
    ...(cause === undefined ? {} : { cause }),
    facts: { directory, round: number },
  });
}
