import { expect } from 'chai';
import { chartColumns, columnOf, exceeds, misfit } from '../../../connectors/snowflake/table.js';

const row = (name: string, type: object, rest: object = {}) => ({
  column_name: name,
  data_type: JSON.stringify(type),
  kind: 'COLUMN',
  ...rest,
});
const text = { type: 'TEXT', length: 16_777_216, byteLength: 16_777_216, nullable: false };
const chart = [
  row('__KDD_REQUEST_ID', text),
  row('__KDD_REQUEST_UNIX_TIMESTAMP', { type: 'REAL', nullable: false }),
  row('__KDD_REQUESTER_KEY', text),
  row('__KDD_REQUEST_BODY', text),
];
const fault = (...rows: object[]) =>
  misfit(
    rows.map((each) => columnOf({ ...each })),
    chartColumns,
  );

describe('a table of snowflake, as SHOW COLUMNS describes it', () => {
  it('fits with further columns that may be left out', () => {
    const further = [
      row('A', { ...text, nullable: true }),
      row('B', text, { default: "'x'" }),
      row('C', { type: 'FIXED', nullable: false }, { autoincrement: 'IDENTITY START 1 INCREMENT 1' }),
    ];
    expect(fault(...chart.toReversed(), ...further)).to.equal(undefined);
  });

  it('does not fit with a mandatory column, a missing, a computed or a short one', () => {
    expect(fault(...chart, row('A', text))).to.match(/^A is NOT NULL without a default; expected \(/);
    expect(fault(...chart.slice(1))).to.match(/^__KDD_REQUEST_ID is missing/);
    expect(fault(...chart.slice(1), row('__KDD_REQUEST_ID', text, { kind: 'VIRTUAL_COLUMN' }))).to.match(
      /is computed/,
    );
    expect(fault(...chart.slice(1), row('__KDD_REQUEST_ID', { ...text, length: 10 }))).to.match(
      /holds 10 characters, not 20/,
    );
    expect(fault(row('__kdd_request_id', text), ...chart.slice(1))).to.match(/__KDD_REQUEST_ID is missing/);
  });

  it('takes a body by its characters, and by its bytes', () => {
    const of = (body: string, characters: number, bytes: number) =>
      exceeds(Buffer.from(body), { characters, bytes });
    expect(of('aaaa', 4, 16)).to.equal(false);
    expect(of('aaaaa', 4, 16)).to.equal(true);
    expect(of('😀😀😀😀', 4, 16)).to.equal(false);
    expect(of('éééé', 4, 7)).to.equal(true);
  });
});
