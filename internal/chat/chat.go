// Package chat holds the nouns of Amazon IVS Chat, the rules they obey and the
// errors that say which rule was broken. It knows no protocol, no database and
// no socket; every other package speaks in its terms.
//
// The rules and limits come from the API model ivschat-2020-07-14, the IVS Chat
// user guide and the IVS Chat Messaging API reference.
package chat
