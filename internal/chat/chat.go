// Package chat has the types of Amazon IVS Chat, the rules for their values, and the errors.
// It knows no protocol, no database and no socket. All other packages use its types.
//
// The rules and limits come from the API model ivschat-2020-07-14, the IVS Chat
// user guide and the IVS Chat Messaging API reference.
package chat
