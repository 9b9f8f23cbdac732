// Reads a topic from its first record to its last. In: the cluster's addresses. Out: a line of JSON a record, with key and
// value in base64. Always true: ends at the high-water mark that each partition had when the reading began.
package main

import (
	"context"
	"encoding/json"
	"io"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

type consumerSettings struct {
	seeds          []string
	user, password string
}

type recordLine struct {
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Timestamp int64             `json:"timestamp"`
	Key       []byte            `json:"key"`
	Value     []byte            `json:"value"`
	Headers   map[string]string `json:"headers"`
}

func writeRecords(ctx context.Context, w io.Writer, cluster *kfake.Cluster, reader consumerSettings, topic string) error {
	starts := map[int32]kgo.Offset{}
	ends := map[int32]int64{}
	for _, partition := range cluster.PartitionInfos(topic) {
		if partition.LastStableOffset > partition.LogStartOffset {
			starts[partition.Partition] = kgo.NewOffset().At(partition.LogStartOffset)
			ends[partition.Partition] = partition.LastStableOffset
		}
	}
	if len(ends) == 0 {
		return nil
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(reader.seeds...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Aborted and control records come too, so that every offset up to the end is seen.
		kgo.KeepControlRecords(),
	}
	if reader.user != "" {
		login := plain.Auth{User: reader.user, Pass: reader.password}
		options = append(options, kgo.SASL(login.AsMechanism()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()

	out := json.NewEncoder(w)
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for records := fetches.RecordIter(); !records.Done(); {
			record := records.Next()
			end, wanted := ends[record.Partition]
			if !wanted || record.Offset >= end {
				continue
			}
			if !record.Attrs.IsControl() {
				if err := out.Encode(lineOf(record)); err != nil {
					return err
				}
			}
			if record.Offset == end-1 {
				delete(ends, record.Partition)
			}
		}
	}
	return nil
}

func lineOf(record *kgo.Record) recordLine {
	headers := map[string]string{}
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	return recordLine{
		Partition: record.Partition,
		Offset:    record.Offset,
		Timestamp: record.Timestamp.UnixMilli(),
		Key:       record.Key,
		Value:     record.Value,
		Headers:   headers,
	}
}
