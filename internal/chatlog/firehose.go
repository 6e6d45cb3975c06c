package chatlog

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/smithy-go"
)

// deliveryStream is a destination in Firehose. All rooms share it.
type deliveryStream struct {
	client *firehose.Client
	name   string
}

// The limits of PutRecordBatch (Firehose API reference): 500 records, 4 MiB, and
// 1,000 KiB for one record.
func (d *deliveryStream) limits() limits {
	return limits{records: 500, size: 4 << 20, record: 1000 << 10, rooms: 500, calls: 4}
}

func (d *deliveryStream) deliver(ctx context.Context, parcels []*parcel) error {
	type sent struct {
		p        *parcel
		position int64
	}
	var all []sent
	var records []types.Record
	for _, p := range parcels {
		open := p.open()
		for i := range open {
			all = append(all, sent{p, open[i].Position})
			// Each record is one Firehose record. The line break separates records
			// where Firehose joins them, as in the objects that it writes.
			records = append(records, types.Record{Data: append(AppendRecord(nil, &open[i]), '\n')})
		}
	}
	if len(records) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	out, err := d.client.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: &d.name, Records: records})
	if err != nil {
		return err
	}
	if aws.ToInt32(out.FailedPutCount) == 0 {
		return nil
	}
	if len(out.RequestResponses) != len(all) {
		return fmt.Errorf("Firehose answered for %d of %d records", len(out.RequestResponses), len(all)) //nolint:staticcheck // Firehose is a name.
	}
	failed := 0
	var why smithy.GenericAPIError
	for i, r := range out.RequestResponses {
		if r.ErrorCode == nil {
			all[i].p.settle(all[i].position, true)
			continue
		}
		failed++
		why = smithy.GenericAPIError{Code: *r.ErrorCode, Message: aws.ToString(r.ErrorMessage)}
	}
	return fmt.Errorf("Firehose did not take %d of %d records: %w", failed, len(all), &why) //nolint:staticcheck // Firehose is a name.
}
