import { github } from './github.js';
import { hmac } from './hmac.js';
import { meta } from './meta.js';
import type { Scheme } from './scheme.js';
import { shopify } from './shopify.js';
import { slack } from './slack.js';
import { standardWebhooks } from './standard-webhooks.js';
import { stripe } from './stripe.js';

/** Every way of signing that a pipeline's `signature` may name. */
export const schemes: readonly Scheme[] = [standardWebhooks, github, stripe, shopify, slack, meta, hmac];
