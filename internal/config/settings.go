package config

import (
	"strings"
	"sync"
)

// Setting is one thing that an operator can set. Its flag, its environment variable, its key
// in the file and its entry in the reference are derived from it.
type Setting struct {
	// Name is the flag without its dashes, and the key in the file.
	Name string
	// Arg is the name of the value in the help, such as FILE; empty for a switch.
	Arg string
	// Local marks settings of the commands that open the database themselves.
	Local bool
	// EnvironmentOnly marks secrets: flags are seen by every user of a machine,
	// and files get copied.
	EnvironmentOnly bool
	// FileOnly marks a mapping of names to values, which cannot be written as a flag.
	FileOnly bool

	value accessor
	list  bool
	// shown returns how an error shows the value, if it may contain a secret or has several
	// lines; nil shows it as it is.
	shown func(string) string
}

// Environment returns the name of the setting's environment variable.
func (s *Setting) Environment() string {
	return "CONFAB_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Usage returns the setting's line of help: the comment of its field in Config.
func (s *Setting) Usage() string { return usage[s.Name] }

// Default returns the setting's default in the form in which an operator types it.
func (s *Setting) Default() string { return s.value.get(defaults()) }

// defaults is made once for all settings. Settings only read it.
var defaults = sync.OnceValue(Default)

// group is a part of the reference.
type group struct {
	title    string
	settings []*Setting
}

// groups is the table of all settings.
var groups = []group{
	{"Running", []*Setting{
		{Name: "dev", Local: true, value: field(func(c *Config) *bool { return &c.Dev }, parseSwitch, printSwitch)},
		{Name: "config", Arg: "FILE", Local: true, value: field(func(c *Config) *string { return &c.Config }, parseAny, printString)},
		{Name: "pid-file", Arg: "FILE", value: field(func(c *Config) *string { return &c.PIDFile }, parseAny, printString)},
	}},
	{"Network", []*Setting{
		{Name: "listen", Arg: "HOST:PORT", value: field(func(c *Config) *string { return &c.Listen }, parseAddress, printString)},
		{Name: "admin-listen", Arg: "HOST:PORT", value: field(func(c *Config) *string { return &c.AdminListen }, parseAdminAddress, printString)},
		{Name: "pprof", value: field(func(c *Config) *string { return &c.Pprof }, parsePprof, printString)},
		{Name: "tls-cert", Arg: "FILE", value: field(func(c *Config) *string { return &c.TLSCert }, parseAny, printString)},
		{Name: "tls-key", Arg: "FILE", value: field(func(c *Config) *string { return &c.TLSKey }, parseAny, printString)},
		{Name: "base-path", Arg: "PATH", value: field(func(c *Config) *string { return &c.BasePath }, parseBasePath, printString)},
		{Name: "trusted-proxies", Arg: "CIDR,...", list: true, value: field(func(c *Config) *prefixes { return (*prefixes)(&c.TrustedProxies) }, parsePrefixes, prefixes.String)},
		{Name: "cors-origins", Arg: "ORIGIN,...", list: true, value: field(func(c *Config) *[]string { return &c.CORSOrigins }, parseOrigins, printList)},
		{Name: "keep-alive", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.KeepAlive) }, durationFrom(minKeepAlive, maxKeepAlive, "620s"), duration.String)},
	}},
	{"Identity", []*Setting{
		{Name: "region", Arg: "REGION", Local: true, value: field(func(c *Config) *string { return &c.Region }, parseRegion, printString)},
		{Name: "account-id", Arg: "ID", Local: true, value: field(func(c *Config) *string { return &c.AccountID }, parseAccount, printString)},
		{Name: "root-access-key-id", Arg: "ID", EnvironmentOnly: true, value: field(func(c *Config) *string { return &c.RootAccessKeyID }, parseAccessKeyID, printString)},
		{Name: "root-secret-access-key", Arg: "SECRET", EnvironmentOnly: true, value: field(func(c *Config) *Secret { return &c.RootSecretAccessKey }, parseSecretAccessKey, Secret.String)},
	}},
	{"Data", []*Setting{
		{Name: "data-dir", Arg: "DIR", Local: true, value: field(func(c *Config) *string { return &c.DataDir }, parseAny, printString)},
		{Name: "database", Arg: "URL", Local: true, value: field(func(c *Config) *string { return &c.Database }, parseDatabase, HidePassword), shown: HidePassword},
		{Name: "secret-key-file", Arg: "FILE", Local: true, value: field(func(c *Config) *string { return &c.SecretKeyFile }, parseAny, printString)},
		{Name: "secret-key", Arg: "BASE64", Local: true, EnvironmentOnly: true, value: field(func(c *Config) *Secret { return &c.SecretKey }, parseSecretKey, Secret.String)},
	}},
	{"Several nodes", []*Setting{
		{Name: "node-name", Arg: "NAME", value: field(func(c *Config) *string { return &c.NodeName }, parseNodeName, printString)},
		{Name: "cluster-listen", Arg: "HOST:PORT", value: field(func(c *Config) *string { return &c.ClusterListen }, parseAddress, printString)},
		{Name: "cluster-peers", Arg: "URL,...", list: true, value: field(func(c *Config) *[]string { return &c.ClusterPeers }, parsePeers, printList)},
		{Name: "cluster-secret-file", Arg: "FILE", value: field(func(c *Config) *string { return &c.ClusterSecretFile }, parseAny, printString)},
		{Name: "cluster-secret", Arg: "SECRET", EnvironmentOnly: true, value: field(func(c *Config) *Secret { return &c.ClusterSecret }, parseClusterSecret, Secret.String)},
		{Name: "cluster-tls-cert", Arg: "FILE", value: field(func(c *Config) *string { return &c.ClusterTLSCert }, parseAny, printString)},
		{Name: "cluster-tls-key", Arg: "FILE", value: field(func(c *Config) *string { return &c.ClusterTLSKey }, parseAny, printString)},
		{Name: "cluster-tls-ca", Arg: "FILE", value: field(func(c *Config) *string { return &c.ClusterTLSCA }, parseAny, printString)},
		{Name: "nats", Arg: "URL,...", list: true, value: field(func(c *Config) *[]string { return &c.NATS }, parseNATS, printList)},
		{Name: "nats-credentials", Arg: "FILE", value: field(func(c *Config) *string { return &c.NATSCredentials }, parseAny, printString)},
	}},
	{"Extensions", []*Setting{
		{Name: "extensions", Arg: "on|off|off=force", value: field(func(c *Config) *string { return &c.Extensions }, oneOf(ExtensionsOn, ExtensionsOff, ExtensionsForcedOff), printString)},
		{Name: "console", Arg: "on|off", value: field(func(c *Config) *string { return &c.Console }, oneOf(ConsoleOn, ConsoleOff), printString)},
		{Name: "catch-up-memory", Arg: "SIZE", value: field(func(c *Config) *int64 { return &c.CatchUpMemory }, parseSize, printSize)},
		{Name: "presence-interval", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.PresenceInterval) }, durationFrom(minPresenceInterval, maxPresenceInterval, "5s"), duration.String)},
		{Name: "webhook-allow", Arg: "CIDR,...", list: true, value: field(func(c *Config) *prefixes { return (*prefixes)(&c.WebhookAllow) }, parsePrefixes, prefixes.String)},
		{Name: "webhook-insecure", value: field(func(c *Config) *bool { return &c.WebhookInsecure }, parseSwitch, printSwitch)},
		{Name: "moderation-log-retention", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.ModerationLogRetention) }, parseRetention, duration.String)},
		{Name: "webhook-retention", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.WebhookRetention) }, parseRetention, duration.String)},
	}},
	{"Limits", []*Setting{
		{Name: "quotas", Arg: "off|aws", value: field(func(c *Config) *string { return &c.Quotas }, oneOf(QuotasOff, QuotasAWS), printString)},
		{Name: "serviceQuotas", FileOnly: true, value: field(func(c *Config) *serviceQuotas { return (*serviceQuotas)(&c.ServiceQuotas) }, parseServiceQuotas, serviceQuotas.String), shown: func(string) string { return "" }},
		{Name: "connect-rate", Arg: "N/s", value: field(func(c *Config) *Rate { return &c.ConnectRate }, parseRate, Rate.String)},
		{Name: "connect-rate-per-user", Arg: "N/s", value: field(func(c *Config) *Rate { return &c.ConnectRatePerUser }, parseRate, Rate.String)},
		{Name: "connect-rate-per-address", Arg: "N/s", value: field(func(c *Config) *Rate { return &c.ConnectRatePerAddress }, parseRate, Rate.String)},
		{Name: "max-connections", Arg: "N", value: field(func(c *Config) *int { return &c.MaxConnections }, number(0, 1<<31-1), printNumber)},
		{Name: "max-connections-per-room", Arg: "N", value: field(func(c *Config) *int { return &c.MaxConnectionsPerRoom }, number(0, 1<<31-1), printNumber)},
		{Name: "max-connections-per-user", Arg: "N", value: field(func(c *Config) *int { return &c.MaxConnectionsPerUser }, number(0, 1<<31-1), printNumber)},
		{Name: "max-connections-per-address", Arg: "N", value: field(func(c *Config) *int { return &c.MaxConnectionsPerAddress }, number(0, 1<<31-1), printNumber)},
		{Name: "max-memory", Arg: "MIB", value: field(func(c *Config) *int { return &c.MaxMemory }, number(0, 1<<31-1), printNumber)},
		{Name: "event-attributes-max", Arg: "BYTES", value: field(func(c *Config) *int { return &c.EventAttributesMax }, number(1, 4096), printNumber)},
	}},
	{"Sessions and delivery", []*Setting{
		{Name: "token-lifetime", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.TokenLifetime) }, durationUpTo(maxTokenLifetime), duration.String)},
		{Name: "drain-time", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.DrainTime) }, durationUpTo(maxDrainTime), duration.String)},
		{Name: "delivery-window", Arg: "auto|TIME", value: field(func(c *Config) *window { return (*window)(&c.DeliveryWindow) }, parseWindow, window.String)},
		{Name: "io-uring", Arg: "auto|io-submit|off", value: field(func(c *Config) *string { return &c.IOURing }, oneOf(IOURingAuto, IOURingSubmit, IOURingOff), printString)},
		{Name: "close-on-room-delete", value: field(func(c *Config) *bool { return &c.CloseOnRoomDelete }, parseSwitch, printSwitch)},
	}},
	{"Message review", []*Setting{
		{Name: "review-timeout", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.ReviewTimeout) }, durationFrom(minReviewTimeout, maxReviewTimeout, "200ms"), duration.String)},
		{Name: "messageReviewHandlers", FileOnly: true, value: field(func(c *Config) *handlers { return (*handlers)(&c.MessageReviewHandlers) }, parseHandlers, handlers.String)},
	}},
	{"Chat logging", []*Setting{
		{Name: "log-destinations", Arg: "aws|local", value: field(func(c *Config) *string { return &c.LogDestinations }, oneOf(LogDestinationsAWS, LogDestinationsLocal), printString)},
		{Name: "s3-log-interval", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.S3LogInterval) }, durationFrom(minLogInterval, maxLogInterval, "5m"), duration.String)},
		{Name: "log-flush-interval", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.LogFlushInterval) }, durationFrom(minLogInterval, maxLogInterval, "5s"), duration.String)},
		{Name: "log-retention", Arg: "TIME", value: field(func(c *Config) *duration { return (*duration)(&c.LogRetention) }, parseRetention, duration.String)},
	}},
	{"Logs", []*Setting{
		{Name: "log-level", Arg: "LEVEL", Local: true, value: field(func(c *Config) *string { return &c.LogLevel }, oneOf("debug", "info", "warn", "error"), printString)},
		{Name: "log-format", Arg: "FORMAT", Local: true, value: field(func(c *Config) *string { return &c.LogFormat }, oneOf("auto", "json", "text"), printString)},
	}},
}

// Settings returns all settings in the order of the reference.
func Settings() []*Setting {
	var all []*Setting
	for _, g := range groups {
		all = append(all, g.settings...)
	}
	return all
}

// lookup returns the setting of that name, or nil.
func lookup(name string) *Setting {
	for _, s := range Settings() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// accessor reads and writes one field of a Config as text, in the form in which an operator
// types it.
type accessor struct {
	set func(*Config, string) error
	get func(*Config) string
}

// field makes the accessor of one field. parse returns an error that says what
// is allowed.
func field[T any](at func(*Config) *T, parse func(string) (T, error), show func(T) string) accessor {
	return accessor{
		set: func(c *Config, s string) error {
			v, err := parse(s)
			if err == nil {
				*at(c) = v
			}
			return err
		},
		get: func(c *Config) string { return show(*at(c)) },
	}
}
