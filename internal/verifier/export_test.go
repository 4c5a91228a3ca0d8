package verifier

// Under is how many requests are under way.
func (s *Server) Under() int {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	return len(s.sessions.byID)
}
