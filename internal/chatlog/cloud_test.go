package chatlog_test

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"confab/internal/chat"
)

// cloud is an endpoint of AWS services, as the owner of the destinations sees it.
type cloud struct {
	s3       *s3.Client
	logs     *cloudwatchlogs.Client
	firehose *firehose.Client
}

func newCloud(endpoint string) *cloud {
	c := awsConfig(endpoint)
	return &cloud{
		s3:       s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }),
		logs:     cloudwatchlogs.NewFromConfig(c),
		firehose: firehose.NewFromConfig(c),
	}
}

var destinations atomic.Int64

// newName returns a unique name for a destination.
func newName(prefix string) string {
	return prefix + strings.ToLower(chat.NewID()) + "-" + string(rune('a'+destinations.Add(1)%26))
}

// create makes a destination of the type with a new name.
func (c *cloud) create(t testing.TB, kind chat.DestinationType) chat.Destination {
	t.Helper()
	d := chat.Destination{Type: kind, Name: newName("chat-")}
	c.createNamed(t, d)
	return d
}

func (c *cloud) createNamed(t testing.TB, d chat.Destination) {
	t.Helper()
	ctx := t.Context()
	var err error
	switch d.Type {
	case chat.S3:
		_, err = c.s3.CreateBucket(ctx, &s3.CreateBucketInput{
			Bucket: &d.Name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
		})
	case chat.CloudWatchLogs:
		_, err = c.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &d.Name})
	case chat.Firehose:
		c.createNamed(t, chat.Destination{Type: chat.S3, Name: d.Name})
		_, err = c.firehose.CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
			DeliveryStreamName: &d.Name, DeliveryStreamType: types.DeliveryStreamTypeDirectPut,
			ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
				BucketARN: aws.String("arn:aws:s3:::" + d.Name), RoleARN: aws.String("arn:aws:iam::" + account + ":role/firehose"),
			},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// object is one object of a bucket.
type object struct {
	sum  [sha256.Size]byte
	size int
	text string // uncompressed
}

// objects returns all objects of a bucket by key.
func (c *cloud) objects(t testing.TB, bucket string) map[string]object {
	t.Helper()
	all := map[string]object{}
	pages := s3.NewListObjectsV2Paginator(c.s3, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			out := must(c.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key}))(t)
			body := must(io.ReadAll(out.Body))(t)
			out.Body.Close()
			one := object{sum: sha256.Sum256(body), size: len(body), text: string(body)}
			if strings.HasSuffix(*o.Key, ".gz") {
				z := must(gzip.NewReader(strings.NewReader(one.text)))(t)
				one.text = string(must(io.ReadAll(z))(t))
			}
			all[*o.Key] = one
		}
	}
	return all
}

// lines returns the lines in the destination, by room: "" where rooms cannot be
// distinguished.
func (c *cloud) lines(t testing.TB, d chat.Destination) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	if d.Type == chat.CloudWatchLogs {
		streams, err := c.logs.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &d.Name})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range streams.LogStreams {
			room := strings.TrimPrefix(*s.LogStreamName, "aws/IVSChatLogs/1.0/room_")
			all[room] = append(all[room], c.events(t, d.Name, *s.LogStreamName)...)
		}
		return all
	}
	for key, o := range c.objects(t, d.Name) {
		room := ""
		if d.Type == chat.S3 {
			_, rest, _ := strings.Cut(key, "/room_")
			room, _, _ = strings.Cut(rest, "/")
		}
		for in := bufio.NewScanner(strings.NewReader(o.text)); in.Scan(); {
			all[room] = append(all[room], in.Text())
		}
	}
	return all
}

// events returns the events of a stream.
func (c *cloud) events(t testing.TB, group, stream string) []string {
	t.Helper()
	var all []string
	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: &group, LogStreamName: &stream, StartFromHead: aws.Bool(true)}
	for {
		out := must(c.logs.GetLogEvents(t.Context(), in))(t)
		for _, e := range out.Events {
			all = append(all, *e.Message)
		}
		if len(out.Events) == 0 || aws.ToString(in.NextToken) == aws.ToString(out.NextForwardToken) {
			return all
		}
		in.NextToken = out.NextForwardToken
	}
}

// frameID returns the id that newFrame wrote into the frame of a record.
func frameID(t testing.TB, line string) string {
	t.Helper()
	var r struct {
		Payload struct {
			ID string `json:"Id"`
		} `json:"payload"`
	}
	if err := json.Unmarshal([]byte(line), &r); err != nil || r.Payload.ID == "" {
		t.Fatalf("%q is no record: %v", line, err)
	}
	return r.Payload.ID
}

// ids counts the frames in the destination.
func (c *cloud) ids(t testing.TB, d chat.Destination) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, lines := range c.lines(t, d) {
		for _, line := range lines {
			all[frameID(t, line)]++
		}
	}
	return all
}
