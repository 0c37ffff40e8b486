import { type CheckResult, checkSystem } from '../../check/check-system.js';
import { type Column, formatTable } from '../../report/table.js';
import { defineCommand } from '../command.js';

/** `tracker check` */
export const check = defineCommand({
  options: (yargs) => yargs,

  async run(_options, { output }) {
    const results = await checkSystem();
    const isOk = results.every((result) => result.isOk);
    output.print(formatTable(columns, results));
    output.print(isOk ? 'tracking works here' : 'tracking does not work here');
    return { document: { isOk, results }, isFailure: !isOk };
  },
});

const columns: readonly Column<CheckResult>[] = [
  { title: 'what', value: ({ name }) => name, isLeft: true },
  { title: 'result', value: ({ isOk }) => (isOk ? 'ok' : 'failed'), isLeft: true },
  {
    title: 'found',
    value: ({ found, advice }) => (advice === '' ? found : `${found}; ${advice}`),
    isLeft: true,
  },
];
