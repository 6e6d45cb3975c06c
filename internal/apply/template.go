package apply

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// template is a CloudFormation template in YAML or JSON. Of its functions it knows Ref and
// Fn::GetAtt.
type template struct {
	parameters map[string]string
	resources  *yaml.Node
	names      map[string]string // of logging configurations, by logical id
}

// The types of resources.
const (
	roomType    = "AWS::IVSChat::Room"
	loggingType = "AWS::IVSChat::LoggingConfiguration"
)

type tag struct {
	Key   string `yaml:"Key"`
	Value string `yaml:"Value"`
}

// templateRoom has the properties of AWS::IVSChat::Room.
type templateRoom struct {
	Name                            string    `yaml:"Name"`
	MaximumMessageLength            *int32    `yaml:"MaximumMessageLength"`
	MaximumMessageRatePerSecond     *int32    `yaml:"MaximumMessageRatePerSecond"`
	LoggingConfigurationIdentifiers *[]string `yaml:"LoggingConfigurationIdentifiers"`
	MessageReviewHandler            *struct {
		URI            string `yaml:"Uri"`
		FallbackResult string `yaml:"FallbackResult"`
	} `yaml:"MessageReviewHandler"`
	Tags []tag `yaml:"Tags"`
}

// templateLogging has the properties of AWS::IVSChat::LoggingConfiguration.
type templateLogging struct {
	Name                     string `yaml:"Name"`
	DestinationConfiguration struct {
		S3 *struct {
			BucketName string `yaml:"BucketName"`
		} `yaml:"S3"`
		CloudWatchLogs *struct {
			LogGroupName string `yaml:"LogGroupName"`
		} `yaml:"CloudWatchLogs"`
		Firehose *struct {
			DeliveryStreamName string `yaml:"DeliveryStreamName"`
		} `yaml:"Firehose"`
	} `yaml:"DestinationConfiguration"`
	Tags []tag `yaml:"Tags"`
}

func parseTemplate(root *yaml.Node, given map[string]string) (*Set, error) {
	t := &template{parameters: map[string]string{}, resources: member(root, "Resources"), names: map[string]string{}}
	if t.resources.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: Resources must be a mapping", t.resources.Line)
	}
	if err := t.readParameters(member(root, "Parameters"), given); err != nil {
		return nil, err
	}
	set := &Set{}
	// Names come first: a room may stand before its logging configuration.
	if err := t.each(loggingType, func(id string, properties *yaml.Node) error {
		var l templateLogging
		if err := t.decode(id, properties, &l); err != nil {
			return err
		}
		name := l.Name
		if name == "" {
			name = id
		}
		t.names[id] = name
		set.LoggingConfigurations = append(set.LoggingConfigurations, Logging{
			Name: name, DestinationConfiguration: destinationOf(&l), Tags: tagsOf(l.Tags),
		})
		return nil
	}); err != nil {
		return nil, err
	}
	if err := t.each(roomType, func(id string, properties *yaml.Node) error {
		var r templateRoom
		if err := t.decode(id, properties, &r); err != nil {
			return err
		}
		room := Room{
			Name: r.Name, MaximumMessageLength: r.MaximumMessageLength, MaximumMessageRatePerSecond: r.MaximumMessageRatePerSecond,
			LoggingConfigurationIdentifiers: r.LoggingConfigurationIdentifiers, Tags: tagsOf(r.Tags),
		}
		if room.Name == "" {
			room.Name = id
		}
		if h := r.MessageReviewHandler; h != nil {
			room.MessageReviewHandler = &Review{URI: h.URI, FallbackResult: h.FallbackResult}
		}
		set.Rooms = append(set.Rooms, room)
		return nil
	}); err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(t.resources.Content); i += 2 {
		kind := member(t.resources.Content[i+1], "Type")
		switch {
		case kind == nil:
			return nil, fmt.Errorf("line %d: the resource %s has no Type", t.resources.Content[i].Line, t.resources.Content[i].Value)
		case kind.Value != roomType && kind.Value != loggingType:
			set.Left = append(set.Left, fmt.Sprintf("%s (%s)", t.resources.Content[i].Value, kind.Value))
		}
	}
	return set, nil
}

func destinationOf(l *templateLogging) (d Destination) {
	of := &l.DestinationConfiguration
	if of.S3 != nil {
		d.S3 = &struct {
			BucketName string `yaml:"bucketName"`
		}{of.S3.BucketName}
	}
	if of.CloudWatchLogs != nil {
		d.CloudWatchLogs = &struct {
			LogGroupName string `yaml:"logGroupName"`
		}{of.CloudWatchLogs.LogGroupName}
	}
	if of.Firehose != nil {
		d.Firehose = &struct {
			DeliveryStreamName string `yaml:"deliveryStreamName"`
		}{of.Firehose.DeliveryStreamName}
	}
	return d
}

func tagsOf(list []tag) map[string]string {
	if list == nil {
		return nil
	}
	tags := map[string]string{}
	for _, t := range list {
		tags[t.Key] = t.Value
	}
	return tags
}

// readParameters takes the values that were given, else the defaults.
func (t *template) readParameters(declared *yaml.Node, given map[string]string) error {
	for name := range given {
		if member(declared, name) == nil {
			return fmt.Errorf("the template has no parameter %q", name)
		}
	}
	if declared == nil || declared.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(declared.Content); i += 2 {
		name := declared.Content[i].Value
		if value, ok := given[name]; ok {
			t.parameters[name] = value
		} else if value := member(declared.Content[i+1], "Default"); value != nil && value.Kind == yaml.ScalarNode {
			t.parameters[name] = value.Value
		} else {
			return fmt.Errorf("the parameter %q has no value; set it with --parameter %s=VALUE", name, name)
		}
	}
	return nil
}

// each calls do with the properties of each resource of a type.
func (t *template) each(kind string, do func(id string, properties *yaml.Node) error) error {
	for i := 0; i+1 < len(t.resources.Content); i += 2 {
		id, resource := t.resources.Content[i].Value, t.resources.Content[i+1]
		if of := member(resource, "Type"); of == nil || of.Value != kind {
			continue
		}
		if condition := member(resource, "Condition"); condition != nil {
			return fmt.Errorf("line %d: %s: Condition is not supported; apply knows Ref and Fn::GetAtt", condition.Line, id)
		}
		properties := member(resource, "Properties")
		if properties == nil {
			properties = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		if err := do(id, properties); err != nil {
			return err
		}
	}
	return nil
}

// decode resolves the functions in properties, and reads them.
func (t *template) decode(id string, properties *yaml.Node, into any) error {
	resolved, err := t.resolve(properties, false, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	text, err := yaml.Marshal(resolved)
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return nil
}

// deepest is the deepest nesting of properties.
const deepest = 20

// resolve returns a node without functions. Where names stand for ARNs, a resource may be
// referred to.
func (t *template) resolve(n *yaml.Node, named bool, depth int) (*yaml.Node, error) {
	if depth > deepest {
		return nil, fmt.Errorf("line %d: nested deeper than %d", n.Line, deepest)
	}
	if n.Kind == yaml.AliasNode {
		return nil, fmt.Errorf("line %d: aliases are not supported", n.Line)
	}
	if function, argument, ok := functionOf(n); ok {
		return t.call(n, function, argument, named)
	}
	if len(n.Content) == 0 {
		return n, nil
	}
	copied := *n
	copied.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		names := named
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				copied.Content[i] = child
				continue
			}
			names = n.Content[i-1].Value == "LoggingConfigurationIdentifiers"
		}
		resolved, err := t.resolve(child, names, depth+1)
		if err != nil {
			return nil, err
		}
		copied.Content[i] = resolved
	}
	return &copied, nil
}

// functionOf reports whether a node is a function, in its short or long form.
func functionOf(n *yaml.Node) (function string, argument *yaml.Node, ok bool) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return strings.TrimPrefix(n.Tag, "!"), n, true
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		switch name := n.Content[0].Value; {
		case name == "Ref", name == "Condition":
			return name, n.Content[1], true
		case strings.HasPrefix(name, "Fn::"):
			return strings.TrimPrefix(name, "Fn::"), n.Content[1], true
		}
	}
	return "", nil, false
}

func (t *template) call(at *yaml.Node, function string, argument *yaml.Node, named bool) (*yaml.Node, error) {
	switch function {
	case "Ref":
		if value, ok := t.parameters[argument.Value]; ok {
			return &yaml.Node{Kind: yaml.ScalarNode, Value: value}, nil
		}
		return t.resource(at, argument.Value, named)
	case "GetAtt":
		id, attribute, _ := strings.Cut(argument.Value, ".")
		if argument.Kind == yaml.SequenceNode && len(argument.Content) == 2 {
			id, attribute = argument.Content[0].Value, argument.Content[1].Value
		}
		if attribute != "Arn" {
			return nil, fmt.Errorf("line %d: Fn::GetAtt %s.%s: only Arn is supported", at.Line, id, attribute)
		}
		return t.resource(at, id, named)
	case "Condition":
		return nil, fmt.Errorf("line %d: Condition is not supported; apply knows Ref and Fn::GetAtt", at.Line)
	}
	return nil, fmt.Errorf("line %d: Fn::%s is not supported; apply knows Ref and Fn::GetAtt", at.Line, function)
}

// resource returns the name of a logging configuration, which stands for its ARN.
func (t *template) resource(at *yaml.Node, id string, named bool) (*yaml.Node, error) {
	if name, ok := t.names[id]; ok && named {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, nil
	}
	if member(t.resources, id) == nil {
		return nil, fmt.Errorf("line %d: %q is neither a parameter nor a resource of the template; pseudo parameters are not supported", at.Line, id)
	}
	return nil, fmt.Errorf("line %d: %q cannot be referred to here: only a logging configuration can, in LoggingConfigurationIdentifiers; use a parameter instead", at.Line, id)
}
