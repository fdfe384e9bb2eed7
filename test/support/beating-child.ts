import { Channel } from '../../server/channel.js';

/** A process that answers the supervisor's heartbeat, and does nothing else. */
new Channel(process, { beat: () => undefined });
