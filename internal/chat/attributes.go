package chat

// MaxAttributes is the limit of token and message attributes in total, in bytes of
// keys and values as UTF-8 (the API model's "1 KB total").
const MaxAttributes = 1024

// AttributesSize returns the size that counts against the limit of attributes: the
// UTF-8 bytes of all keys and values.
func AttributesSize(attributes map[string]string) int {
	n := 0
	for k, v := range attributes {
		n += len(k) + len(v)
	}
	return n
}
