package control

import (
	"net/http"

	"confab/internal/api"
)

// Operations returns all operations of the API, as its model lists them.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		{Name: "CreateChatToken", Does: api.Calls(s.CreateChatToken)},
		{Name: "CreateLoggingConfiguration", Does: api.Calls(s.CreateLoggingConfiguration)},
		{Name: "CreateRoom", Does: api.Calls(s.CreateRoom)},
		{Name: "DeleteLoggingConfiguration", Status: http.StatusNoContent, Empty: true, Does: api.Calls(s.DeleteLoggingConfiguration)},
		{Name: "DeleteMessage", Does: api.Calls(s.DeleteMessage)},
		{Name: "DeleteRoom", Status: http.StatusNoContent, Empty: true, Does: api.Calls(s.DeleteRoom)},
		{Name: "DisconnectUser", Empty: true, Does: api.Calls(s.DisconnectUser)},
		{Name: "GetLoggingConfiguration", Does: api.Calls(s.GetLoggingConfiguration)},
		{Name: "GetRoom", Does: api.Calls(s.GetRoom)},
		{Name: "ListLoggingConfigurations", Does: api.Calls(s.ListLoggingConfigurations)},
		{Name: "ListRooms", Does: api.Calls(s.ListRooms)},
		{Name: "ListTagsForResource", Method: http.MethodGet, Path: "/tags/", Does: api.Calls(s.ListTagsForResource)},
		{Name: "SendEvent", Does: api.Calls(s.SendEvent)},
		{Name: "TagResource", Method: http.MethodPost, Path: "/tags/", Does: api.Calls(s.TagResource)},
		{Name: "UntagResource", Method: http.MethodDelete, Path: "/tags/", Does: api.Calls(s.UntagResource)},
		{Name: "UpdateLoggingConfiguration", Does: api.Calls(s.UpdateLoggingConfiguration)},
		{Name: "UpdateRoom", Does: api.Calls(s.UpdateRoom)},
	}
}
