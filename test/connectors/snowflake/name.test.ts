import { expect } from 'chai';
import { objectName, patternOf, quoteName, sqlName, tableName } from '../../../connectors/snowflake/name.js';

describe('the names of snowflake', () => {
  it('are what SQL makes of a table without quotes, where it takes it so', () => {
    expect(tableName('rdstation_leads')).to.equal('RDSTATION_LEADS');
    expect(tableName('_a$1')).to.equal('_A$1');
  });

  it('are as they are where SQL takes them in quotes alone', () => {
    for (const name of ['two words', '1st', 'ação', 'a.b', `it's "quoted"`]) {
      expect(tableName(name)).to.equal(name);
    }
    expect(quoteName('A', `it's "quoted"`)).to.equal(`"A"."it's ""quoted"""`);
  });

  it('are refused with capitals, which would make two tables one', () => {
    for (const name of ['Orders', 'ORDERS', '', 'a\0b', 'x'.repeat(256)]) {
      expect(() => tableName(name)).to.throw(/the table's name/);
    }
    expect(() => tableName('Orders')).to.throw('write orders, which is ORDERS in Snowflake');
  });

  it('of databases and roles are read as SQL reads them', () => {
    expect(['Analytics', '"Analytics"', 'my-db', '"a""b"'].map(objectName)).to.deep.equal([
      'ANALYTICS',
      'Analytics',
      'my-db',
      'a"b',
    ]);
    expect(['Analytics', '"Analytics"', 'my-db'].map(sqlName)).to.deep.equal([
      'Analytics',
      '"Analytics"',
      '"my-db"',
    ]);
  });

  it('make patterns with nothing to escape', () => {
    expect(patternOf(`it's 100%\\_😀`)).to.equal(`'it_s_100____'`);
  });
});
