/** The command line cannot be understood; `hint` says where to read how it is meant. */
export class UsageError extends Error {
  override name = 'UsageError';

  constructor(
    message: string,
    readonly hint = '',
  ) {
    super(message);
  }
}
