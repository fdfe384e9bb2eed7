import type { Plugin } from '../../core/index.js';

const plugins: readonly Plugin[] = [];
export default plugins;
