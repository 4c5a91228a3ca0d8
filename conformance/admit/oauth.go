package admit

import (
	"net/http"
)

type pushed struct{}
type ticket struct{}
type minted struct{}
type making struct{}
type seenRelease struct{}

func (h *hub) metadata(w http.ResponseWriter, r *http.Request) {}
func (h *hub) par(w http.ResponseWriter, r *http.Request)      {}
func (h *hub) token(w http.ResponseWriter, r *http.Request)    {}
func (h *hub) release(w http.ResponseWriter, r *http.Request)  {}
