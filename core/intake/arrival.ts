/** A request as it arrived, apart from its body. */
export interface Arrival {
  /** What follows the first `?` of the URL. */
  readonly query: string;
  /** The address of the connection's other end; `undefined` where there is none, as with `hookline send`. */
  readonly peer: string | undefined;
  /** A header's value, several of one name joined by `, `. @param name in lower case */
  header(name: string): string | undefined;
}
