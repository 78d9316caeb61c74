// Storage of the test FIFO: one write port, one asynchronous read port.
`default_nettype none
module fifo_store (
    input  wire         clk,
    input  wire         push,
    input  wire [1:0]   waddr,
    input  wire [1:0]   raddr,
    input  wire [100:0] wdata,
    output wire [100:0] rdata
);
    reg [100:0] mem [0:3];

    assign rdata = mem[raddr];

    always @(posedge clk) begin
        if (push) mem[waddr] <= wdata;
    end
endmodule
`default_nettype wire
