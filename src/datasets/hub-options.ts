/** How a download is watched: apart from hub.ts, so that the public types name no type of the hub's client. */
export interface HubOptions {
  /** Bytes of a download: done, and in all. */
  readonly onProgress?: (path: string, done: number, total: number) => void;
}
