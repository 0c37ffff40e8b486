/** Which process the images are of. */
export interface TargetIdentity {
  pid: number;
  comm: string;
  exe: string;
  /** clock ticks after boot, as in `/proc/PID/stat` */
  startTime: number;
}
