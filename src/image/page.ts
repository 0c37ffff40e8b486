/** Bytes in a page. A page number is an address divided by this, exact as a JS number. */
export const PAGE_SIZE = 4096;
