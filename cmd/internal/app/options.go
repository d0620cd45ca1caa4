package app

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/newswatch/newswatch/cmd/internal/config"
	"github.com/newswatch/newswatch/pipeline/catalog"
	"github.com/newswatch/newswatch/web"
)

// The roles a process can have.
const (
	RoleFetch   = "fetch"
	RoleExtract = "extract"
	RoleStories = "stories"
	RoleIndex   = "index"
	RoleAlerts  = "alerts"
	RoleWeb     = "web"
)

// Roles is all of them, in the order of an article's way.
func Roles() []string {
	return []string{RoleFetch, RoleExtract, RoleStories, RoleIndex, RoleAlerts, RoleWeb}
}

// Options is what an App is made of.
type Options struct {
	Logger  *slog.Logger
	Config  config.Config
	Version string
	// Seed is put into an empty catalog: the starter catalog, or the demo's.
	// With catalog files configured it is taken out again.
	Seed *catalog.Catalog
}

// validate says which setting is wrong, and completes the roles.
func (o *Options) validate() error {
	if o.Logger == nil {
		return errors.New("app: Logger is nil")
	}
	if o.Config.Data == "" {
		return errors.New("data: no folder is named")
	}
	if len(o.Config.Roles) == 0 {
		o.Config.Roles = Roles()
	}
	for _, r := range o.Config.Roles {
		if !slices.Contains(Roles(), r) {
			return fmt.Errorf("roles: unknown role %q: want some of %s", r, strings.Join(Roles(), ", "))
		}
	}
	if len(o.Config.Roles) < len(Roles()) && o.Config.NATS.URL == "" && o.Config.NATS.Listen == "" {
		return errors.New("roles: some roles alone need a NATS server that the other processes share: give --nats URL")
	}
	if o.has(RoleWeb) && o.Config.Web.Listen == "" {
		return errors.New("web.listen: the web role needs an address")
	}
	if o.Config.Web.Listen != "" {
		if err := web.CheckListen(o.Config.Web.Listen, o.Config.Web.AuthConfigured()); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) has(role string) bool { return slices.Contains(o.Config.Roles, role) }
