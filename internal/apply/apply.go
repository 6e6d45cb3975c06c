// Package apply creates and changes what a file describes: rooms, logging configurations,
// content filters, webhooks and bans. The file is YAML with lists of them, or a CloudFormation
// template. Make compares the file with the server and returns a plan. Applying the same file
// again changes nothing.
//
// Objects are found by their names, and bans by subject, room and type. Rooms and logging
// configurations that apply creates have a tag with the name of their set, and only those with
// the tag are pruned. Filters, webhooks and bans have no tags, so apply cannot know which of
// them it created. Those of a room are deleted with the room.
package apply

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Set is what a file describes.
type Set struct {
	Rooms                 []Room    `yaml:"rooms"`
	LoggingConfigurations []Logging `yaml:"loggingConfigurations"`
	Filters               []Filter  `yaml:"filters"`
	Webhooks              []Webhook `yaml:"webhooks"`
	Bans                  []Ban     `yaml:"bans"`
	// Left names the resources of a template that belong to other services. They are
	// ignored.
	Left []string `yaml:"-"`
}

// Room is a room, with the members of CreateRoom. A member that is absent keeps its value.
type Room struct {
	Name                            string            `yaml:"name"`
	MaximumMessageLength            *int32            `yaml:"maximumMessageLength"`
	MaximumMessageRatePerSecond     *int32            `yaml:"maximumMessageRatePerSecond"`
	MessageReviewHandler            *Review           `yaml:"messageReviewHandler"`
	LoggingConfigurationIdentifiers *[]string         `yaml:"loggingConfigurationIdentifiers"` // names or ARNs
	Tags                            map[string]string `yaml:"tags"`
}

// Review is a message review handler.
type Review struct {
	URI            string `yaml:"uri"`
	FallbackResult string `yaml:"fallbackResult"`
}

// Logging is a logging configuration, with the members of CreateLoggingConfiguration.
type Logging struct {
	Name                     string            `yaml:"name"`
	DestinationConfiguration Destination       `yaml:"destinationConfiguration"`
	Tags                     map[string]string `yaml:"tags"`
}

// Destination has one member.
type Destination struct {
	S3 *struct {
		BucketName string `yaml:"bucketName"`
	} `yaml:"s3"`
	CloudWatchLogs *struct {
		LogGroupName string `yaml:"logGroupName"`
	} `yaml:"cloudWatchLogs"`
	Firehose *struct {
		DeliveryStreamName string `yaml:"deliveryStreamName"`
	} `yaml:"firehose"`
}

// Parse reads a file: YAML with lists of resources, or a CloudFormation template. The
// parameters are those of a template.
func Parse(text []byte, parameters map[string]string) (*Set, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if document.Kind == 0 {
		return &Set{}, nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: must be a mapping with rooms, loggingConfigurations, filters, webhooks and bans, or a CloudFormation template with Resources", root.Line)
	}
	var set *Set
	var err error
	if member(root, "Resources") != nil {
		set, err = parseTemplate(root, parameters)
	} else if len(parameters) > 0 {
		err = errors.New("only a CloudFormation template takes parameters")
	} else {
		set, err = parseLists(text)
	}
	if err != nil {
		return nil, err
	}
	return set, set.check()
}

func parseLists(text []byte) (*Set, error) {
	set := &Set{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(set); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return set, nil
}

// check holds that each object can be found, and is there once.
func (s *Set) check() error {
	c := checked{}
	for i := range s.Rooms {
		if err := c.named(roomKind, s.Rooms[i].Name); err != nil {
			return err
		}
	}
	for i := range s.LoggingConfigurations {
		l := &s.LoggingConfigurations[i]
		if err := c.named(loggingKind, l.Name); err != nil {
			return err
		}
		if kind, _ := l.DestinationConfiguration.name(); kind == "" {
			return fmt.Errorf("the logging configuration %q must have one destination: s3, cloudWatchLogs or firehose", l.Name)
		}
	}
	for i := range s.Filters {
		if err := s.Filters[i].check(c); err != nil {
			return err
		}
	}
	for i := range s.Webhooks {
		if err := s.Webhooks[i].check(c); err != nil {
			return err
		}
	}
	for i := range s.Bans {
		if err := s.Bans[i].check(c); err != nil {
			return err
		}
	}
	return nil
}

// checked has the kinds and names of the objects that were checked.
type checked map[[2]string]bool

// named adds an object, which must have a name of its own.
func (c checked) named(kind, name string) error {
	if name == "" {
		return fmt.Errorf("a %s has no name; objects are found by their names", kind)
	}
	if c[[2]string{kind, name}] {
		return fmt.Errorf("there are two %ss named %q", kind, name)
	}
	c[[2]string{kind, name}] = true
	return nil
}

// name returns the kind of the destination and its name; "" if there is not exactly one.
func (d *Destination) name() (kind, name string) {
	n := 0
	if d.S3 != nil {
		kind, name, n = "s3", d.S3.BucketName, n+1
	}
	if d.CloudWatchLogs != nil {
		kind, name, n = "cloudWatchLogs", d.CloudWatchLogs.LogGroupName, n+1
	}
	if d.Firehose != nil {
		kind, name, n = "firehose", d.Firehose.DeliveryStreamName, n+1
	}
	if n != 1 {
		return "", ""
	}
	return kind, name
}

// member returns a member of a mapping, or nil.
func member(mapping *yaml.Node, name string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	return nil
}
