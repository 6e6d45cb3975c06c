package messaging

// Local returns the Broker and the Home of a single node.
func Local(e *Engine) (Broker, Home) { return local{e}, local{e} }
