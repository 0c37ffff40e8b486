/** The error of something that must fail. */
export async function errorOf(work: Promise<unknown>): Promise<Error & { code: string }> {
  return work.then(
    () => {
      throw new Error('it has worked');
    },
    (error: unknown) => error as Error & { code: string },
  );
}
