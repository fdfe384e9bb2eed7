import { open } from 'node:fs/promises';

/** Bytes of a file's end: few footers are longer. */
export const usualFooter = 1024 ** 2;

/** How long the footer is, with what comes after it: the last 8 bytes are its length and the letters PAR1. */
export async function footerLength(path: string, bytes: number): Promise<number> {
  const handle = await open(path);
  try {
    const end = Buffer.alloc(8);
    await handle.read(end, 0, 8, bytes - 8);
    return end.readUInt32LE() + 8;
  } finally {
    await handle.close();
  }
}
