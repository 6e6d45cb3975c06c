package chatlog

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"confab/internal/background"
	"confab/internal/chat"
)

// bucket is a destination in S3: one object per room and interval, or earlier when
// there are enough records.
type bucket struct {
	client *s3.Client
	name   string
}

// objectLimits returns the limits of an object, in S3 or in a directory.
func objectLimits() limits {
	return limits{size: 5 << 20, rooms: 1, objects: true, calls: 6}
}

func (b *bucket) limits() limits { return objectLimits() }

func (b *bucket) deliver(ctx context.Context, parcels []*parcel) error {
	for _, p := range parcels {
		body, err := compress(p.records)
		if err != nil {
			return err
		}
		if err := b.put(ctx, p.key, body); err != nil {
			return err
		}
	}
	return nil
}

func (b *bucket) put(ctx context.Context, key string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, objectTimeout)
	defer cancel()
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/x-gzip"),
	})
	return err
}

// compress returns the body of an object: the records, each with a line break, in gzip
// without a time. The same records give the same bytes.
func compress(records []Record) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if err := writeLines(z, records); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// yieldBytes is how much is compressed at a time: about a millisecond's work.
const yieldBytes = 64 << 10

// writeLines writes the records, each with a line break. It yields to live rooms in
// between.
func writeLines(w io.Writer, records []Record) error {
	var line []byte
	written := 0
	for i := range records {
		line = append(AppendRecord(line[:0], &records[i]), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
		if written += len(line); written >= yieldBytes {
			written = 0
			background.Yield()
		}
	}
	return nil
}

// Prefix returns what the keys of a room's objects in S3, or the name of its log stream in
// CloudWatch Logs, begin with. In a delivery stream of Firehose, records have no names.
func Prefix(to chat.DestinationType, account, roomID string) string {
	switch to {
	case chat.S3:
		return fmt.Sprintf("AWSLogs/%s/IVSChatLogs/1.0/%s/", account, roomID)
	case chat.CloudWatchLogs:
		return streamName(roomID)
	}
	return ""
}

// objectKey returns the key of an object (IVS Chat user guide, "Chat Logging"). Its
// time is that of the object's first record. The hash is random: the key is made
// durable before the object is written. A computed hash could collide with an object
// written before the database was restored from a backup.
func objectKey(account, region, roomID string, first time.Time) string {
	var hash [4]byte
	rand.Read(hash[:])
	t := first.UTC()
	return fmt.Sprintf("AWSLogs/%s/IVSChatLogs/1.0/%s/room_%s/%s/%s_IVSChatLogs_1.0_%s_room_%s_%sZ_%s.log.gz",
		account, region, roomID, t.Format("2006/01/02/15"), account, region, roomID, t.Format("20060102T1504"), hex.EncodeToString(hash[:]))
}
