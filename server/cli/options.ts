import { InvalidArgumentError, Option } from 'commander';

export function configOption(): Option {
  return new Option('-c, --config <file>', 'the configuration')
    .env('HOOKLINE_CONFIG')
    .default('hookline.yaml');
}

export function jsonOption(): Option {
  return new Option('--json', 'print JSON');
}

export function limitOption(usual: number, what: string): Option {
  return new Option('--limit <n>', `at most so many ${what}`).argParser(positive).default(usual);
}

export function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a whole number from 1 up');
}
