import type { Token, TokenStore } from '../../contract/token-store.js';
import type { Absent, Misconfigured, Outage } from '../subject.js';

/**
 * A token store under test, and the one storage that its views share. It may keep its tokens between
 * claims or lose them, as each claim uses keys of its own.
 *
 * All functions are called while claims run, none before. Whatever the store does not have is declared
 * with `absent('why')`, and its claims are left out; nothing else is.
 */
export interface TokenStoreSubject {
  /**
   * A view of the storage, not opened: another process would have one like it.
   * @param held the tokens that it shall hold, exactly; always none where `changes` is offered
   */
  make(held: readonly Token[]): TokenStore | Promise<TokenStore>;

  /** Absent where tokens are listed elsewhere: then `create` and `setActive` refuse, and say where. */
  readonly changes: 'by create and setActive' | Absent;

  /** Views, not opened, whose set-up is at fault. */
  readonly misconfigured: Misconfigured<() => TokenStore | Promise<TokenStore>>;

  /** Absent where there is no connection to cut. */
  readonly outage: Outage | Absent;

  /** Every text that no error may show, the passwords of `misconfigured` too; `[]` where there are none. */
  secrets(): readonly string[];
}
