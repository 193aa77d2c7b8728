"""The proof of `gemma4_routing`: its `SPEC`, and all that only proving it needs."""

import torch

from gemma4_routing.cuda.lanes import _gemma4_routing_lanes_kernel
from gemma4_routing.cuda.tile import _gemma4_routing_tile_kernel
from gemma4_routing.kernel import _gemma4_routing_kernel
from gemma4_routing.launch import bare_launch
from gemma4_routing.op import gemma4_routing
from gemma4_routing.proof.builds import BUILDS
from gemma4_routing.proof.floors import FLOORS, least_bytes
from gemma4_routing.proof.forms import other_forms
from gemma4_routing.proof.inputs import DISTRIBUTIONS, explain_row, gemma4_routing_inputs
from gemma4_routing.proof.oracle import gemma4_routing_agreement, gemma4_routing_oracle
from gemma4_routing.proof.peers import PEERS
from gemma4_routing.proof.slowed import SlowedLaunch
from gemma4_routing.reference import gemma4_routing_reference
from kernelproof.spec import Output, Spec

__all__ = ["SPEC"]

SPEC = Spec(
    launch=gemma4_routing,
    reference=gemma4_routing_reference,
    oracle=gemma4_routing_oracle,
    agreement=gemma4_routing_agreement,
    make_inputs=gemma4_routing_inputs,
    explain_row=explain_row,
    distributions=DISTRIBUTIONS,
    per_token=("gating_output",),
    outputs=(
        Output(name="topk_weights", axes=("T", "K"), dtype=torch.float32),
        Output(name="topk_ids", axes=("T", "K"), dtype=torch.int32),
    ),
    jitted=(
        _gemma4_routing_kernel,
        _gemma4_routing_lanes_kernel,
        _gemma4_routing_tile_kernel,
    ),
    builds=BUILDS,
    least_bytes=least_bytes,
    floors=FLOORS,
    peers=PEERS,
    bare=bare_launch,
    slowed=SlowedLaunch,
    forms=other_forms,
)
