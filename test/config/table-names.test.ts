// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the YAML has its own
import { expect } from 'chai';
import { renderProblem } from '../../config/problem.js';
import { builtins } from '../../connectors/index.js';
import { Registry } from '../../core/host/registry.js';
import { problemsIn } from './fixture.js';

/** Of a configuration with a DuckDB file, a ClickHouse, and these pipelines. */
async function problemsOf(pipelines: string): Promise<string[]> {
  const text = `destinations:
  file: { type: duckdb, path: ./file.duckdb }
  other: { type: duckdb, path: ./other.duckdb }
  named: { type: duckdb, path: ./named.duckdb, ledger: batches }
  house: { type: clickhouse, url: "http://127.0.0.1:8123" }
pipelines:
${pipelines}`;
  const options = { text, env: { NAME: 'Orders' } };
  const problems = await problemsIn('hookline.yaml', new Registry(builtins), options);
  return problems.map((problem) => renderProblem(problem));
}

describe('names of tables', () => {
  it('that a warehouse takes for one are refused, where the second is written', async () => {
    const [problem, ...others] = await problemsOf(
      '  1: { destination: file, table: Orders }\n  2: { destination: [house, file], table: orders }\n',
    );
    expect(problem).to.match(/8:4\d.*pipelines\.2\.table: the same table as in line 7, written otherwise/);
    expect(problem).to.include('`file` takes both for one');
    expect(others).to.deep.equal([]);
  });

  it('that are alike, or that the warehouse tells apart, are fine', async () => {
    for (const [one, two] of [
      ['destination: file, table: Orders', 'destination: file, table: Orders'],
      ['destination: file, table: Orders', 'destination: other, table: orders'],
      ['destination: house, table: Orders', 'destination: house, table: orders'],
      // DuckDB tells these apart, and these.
      ['destination: file, table: Ä', 'destination: file, table: ä'],
      ['destination: file, table: "é"', 'destination: file, table: "e\u0301"'],
    ]) {
      expect(await problemsOf(`  1: { ${one} }\n  2: { ${two} }\n`), two).to.deep.equal([]);
    }
  });

  it('that are the ledger of a destination are refused', async () => {
    for (const [destination, table] of [
      ['file', '__hookline_batches'],
      ['file', '__Hookline_Batches'],
      ['[house, file]', '__hookline_batches'],
      ['named', 'batches'],
    ]) {
      const problems = await problemsOf(`  1: { destination: ${destination}, table: ${table} }\n`);
      expect(problems, table).to.have.length(1);
      expect(problems[0])
        .to.match(/:7:\d+.*pipelines\.1\.table: the table in which `\w+` notes the batches that have landed/)
        .and.include('choose another name');
    }
    expect(await problemsOf('  1: { destination: named, table: __hookline_batches }\n')).to.deep.equal([]);
  });

  it('that come from the environment are not shown', async () => {
    const [problem] = await problemsOf(
      '  1: { destination: file, table: "${NAME}" }\n  2: { destination: file, table: orders }\n',
    );
    expect(problem).to.include('the same table as in line 7').and.not.include('Orders');
  });
});
