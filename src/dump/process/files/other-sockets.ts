import type { FileHandler } from './file-handler.js';
import { family } from '../../../process/socket-address.js';
import { isSocket, stateOf } from './sockets.js';

const familyNames = new Map<number, string>([
  [family.inet, 'IPv4'],
  [family.inet6, 'IPv6'],
  [family.netlink, 'netlink'],
  [family.packet, 'packet'],
  [31, 'bluetooth'],
  [38, 'crypto'],
  [40, 'vsock'],
  [44, 'XDP'],
]);

/** Sockets that nothing restores: refused, by their family. */
export const otherSockets: FileHandler = {
  matches: isSocket,
  refusal: (descriptor) => {
    const { domain, type, protocol } = stateOf(descriptor);
    const name = familyNames.get(domain) ?? `family ${domain}`;
    return `${name} socket of type ${type}, protocol ${protocol}`;
  },
  collect: ({ link }) => ({ kind: 'inherited', what: link }),
};
