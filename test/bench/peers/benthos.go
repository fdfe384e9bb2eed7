// Benthos with its own components and an output for Postgres. The one that it comes with in Redpanda Connect,
// sql_insert, writes a batch as one INSERT of many rows; this one does so by COPY, which is faster.
package main

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redpanda-data/benthos/v4/public/service"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
)

type postgresCopy struct {
	url, table, column string
	pool               *pgxpool.Pool
}

func (p *postgresCopy) Connect(ctx context.Context) (err error) {
	if p.pool == nil {
		p.pool, err = pgxpool.New(ctx, p.url)
	}
	return
}

func (p *postgresCopy) WriteBatch(ctx context.Context, batch service.MessageBatch) error {
	rows := pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) {
		bytes, err := batch[i].AsBytes()
		return []any{string(bytes)}, err
	})
	_, err := p.pool.CopyFrom(ctx, pgx.Identifier{p.table}, []string{p.column}, rows)
	return err
}

func (p *postgresCopy) Close(context.Context) error {
	if p.pool != nil {
		p.pool.Close()
	}
	return nil
}

func newPostgresCopy(
	config *service.ParsedConfig, _ *service.Resources,
) (out service.BatchOutput, policy service.BatchPolicy, maxInFlight int, err error) {
	p := &postgresCopy{}
	if p.url, err = config.FieldString("url"); err != nil {
		return
	}
	if p.table, err = config.FieldString("table"); err != nil {
		return
	}
	if p.column, err = config.FieldString("column"); err != nil {
		return
	}
	if policy, err = config.FieldBatchPolicy("batching"); err != nil {
		return
	}
	if maxInFlight, err = config.FieldMaxInFlight(); err != nil {
		return
	}
	return p, policy, maxInFlight, nil
}

func main() {
	spec := service.NewConfigSpec().Fields(
		service.NewStringField("url"),
		service.NewStringField("table"),
		service.NewStringField("column"),
		service.NewBatchPolicyField("batching"),
		service.NewOutputMaxInFlightField(),
	)
	if err := service.RegisterBatchOutput("postgres_copy", spec, newPostgresCopy); err != nil {
		panic(err)
	}
	service.RunCLI(context.Background())
}
