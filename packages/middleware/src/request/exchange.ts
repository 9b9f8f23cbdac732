// What the core needs to know of a request and its response, whatever the framework. An adapter supplies one reader.
// Invariant: readers never throw for a request that is under way, and read only; `echo` alone writes.

/** Reads requests of type `Req` and responses of type `Res`. */
export interface ExchangeReader<Req, Res> {
  method(req: Req): string;
  /** Path and query, as the client sent them. */
  url(req: Req): string;
  header(req: Req, name: string): string | undefined;
  /** The template that the path matched, known when the request ends. */
  route(req: Req, res: Res): string | undefined;
  remoteAddress(req: Req): string | undefined;
  status(res: Res): number;
  /** Whether the response has begun. */
  responded(res: Res): boolean;
  /** Bytes of the response's body, as far as they are known. */
  bytes(req: Req, res: Res, aborted: boolean): number | undefined;
  /** Sets a header of the response, if it has not begun. */
  echo(res: Res, name: string, value: string): void;
}
