# Everything shares one target folder and one set of features, so that the AWS SDK is compiled once.

.DEFAULT_GOAL := help
.PHONY: help demo test build lint stop

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## builds all of it, brings the environment `local` up on this machine, and pays through its load balancer
	@scripts/demo

test: ## every test; what needs a part that this machine lacks is named
	@scripts/test

build: ## the tool and the payments API
	@scripts/build

lint: ## formatting, clippy, shell scripts, workflows, dependencies
	@scripts/lint

stop: ## ends the local cloud and removes everything it left on this machine
	@scripts/stop
