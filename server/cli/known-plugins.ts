import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Item, takeInventory } from '../../config/inventory.js';
import { loadPluginsOf } from '../../config/load.js';
import { builtins } from '../../connectors/index.js';
import { Registry } from '../../core/host/registry.js';

/** The built-in plugins, and those of the configuration; one that is not named need not be there. */
export async function knownPlugins(command: Command): Promise<Item[]> {
  const registry = new Registry(builtins);
  const { config } = command.opts<{ readonly config: string }>();
  if (command.getOptionValueSource('config') !== 'default' || existsSync(config)) {
    await loadPluginsOf(config, registry);
  }
  return takeInventory(registry);
}
