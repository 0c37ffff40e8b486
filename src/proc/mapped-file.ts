import { PAGE_SIZE } from '../image/page.js';

/** Leads to the file that a mapping shows, a deleted one too. The range is that of the mapping as it is. */
export function mappedFilePath(
  pid: number | 'self',
  { startPage, endPage }: { startPage: number; endPage: number },
): string {
  const [start = '', end = ''] = [startPage, endPage].map((page) =>
    (page * PAGE_SIZE).toString(16),
  );
  return `/proc/${pid}/map_files/${start}-${end}`;
}
