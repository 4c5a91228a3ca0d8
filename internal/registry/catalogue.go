package registry

import "context"

// snapshot is the catalogue in force.
type snapshot struct {
	version int64
	jws     string
}

// CatalogueJWS is the catalogue in force as it is published, or "".
func (r *Registry) CatalogueJWS() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jws
}

// Refresh takes up the newest catalogue of the store.
func (r *Registry) Refresh(ctx context.Context) error {
	version, jws, err := r.Store.Catalogue(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot = snapshot{version: version, jws: jws}
	return nil
}
